-- At what hours (UTC) students answer.
SELECT substring(toString(100 + hour), 2) AS hour_of_day, toInt64(sumMerge(answers)) AS given
FROM presence
WHERE $__dateFilter(day)
GROUP BY hour
ORDER BY hour
