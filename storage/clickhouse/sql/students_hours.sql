-- At what hours (UTC) students answer.
SELECT hour, toInt64(sumMerge(answers)) AS given
FROM presence
WHERE $__dateFilter(day)
GROUP BY hour
ORDER BY hour
