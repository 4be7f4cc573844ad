-- Students by the day of their first training.
SELECT toDateTime(day, 'UTC') AS time, students
FROM (
    SELECT toDate(began) AS day, count() AS students
    FROM (SELECT user, minMerge(first) AS began FROM people GROUP BY user)
    GROUP BY day
)
WHERE $__dateFilter(day)
ORDER BY day
