-- Students who trained on the last day of the range, in its last 7 days and in its last 30.
SELECT
    uniqExactMergeIf(users, day = last) AS daily,
    uniqExactMergeIf(users, day > last - 7) AS weekly,
    uniqExactMerge(users) AS monthly
FROM (SELECT day, users, toDate($__toTime, 'UTC') AS last FROM presence)
WHERE day > last - 30 AND day <= last
