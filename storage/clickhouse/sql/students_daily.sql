-- Students who trained, by day.
SELECT toDateTime(day, 'UTC') AS time, uniqExactMerge(users) AS students
FROM presence
WHERE $__dateFilter(day)
GROUP BY day
ORDER BY day
