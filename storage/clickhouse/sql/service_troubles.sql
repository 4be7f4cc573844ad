-- The last warnings and errors.
SELECT at AS time, level, logger, event, fields
FROM logs
WHERE $__timeFilter(at) AND level IN ('warning', 'error', 'critical')
ORDER BY at DESC, microseconds DESC
LIMIT 200
