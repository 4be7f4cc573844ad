-- Lines of the log by hour and level.
SELECT toStartOfHour(at) AS time, level, count() AS lines
FROM logs
WHERE $__timeFilter(at)
GROUP BY time, level
ORDER BY time, level
