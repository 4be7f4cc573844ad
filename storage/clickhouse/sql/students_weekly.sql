-- Students who trained, by week; the first week is whole.
SELECT toDateTime(week, 'UTC') AS time, students
FROM (
    SELECT toMonday(day) AS week, uniqExactMerge(users) AS students
    FROM presence
    WHERE day >= toMonday($__fromTime, 'UTC') AND day <= toDate($__toTime, 'UTC')
    GROUP BY week
)
ORDER BY week
