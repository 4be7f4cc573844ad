-- Students who trained, by month; the first month is whole.
SELECT toDateTime(month, 'UTC') AS time, students
FROM (
    SELECT toStartOfMonth(day) AS month, uniqExactMerge(users) AS students
    FROM presence
    WHERE day >= toStartOfMonth($__fromTime, 'UTC') AND day <= toDate($__toTime, 'UTC')
    GROUP BY month
)
ORDER BY month
