-- The share of right answers by week, of the twelve topics that most is answered in; the first week is whole.
SELECT toDateTime(week, 'UTC') AS time, place AS topic, share
FROM (
    SELECT toMonday(day) AS week, concat(subject, ': ', topic) AS place, sumMerge(correct) / countMerge(answers) AS share
    FROM learning
    WHERE day >= toMonday($__fromTime, 'UTC') AND day <= toDate($__toTime, 'UTC') AND (subject, topic) IN (
        SELECT subject, topic
        FROM learning
        WHERE day >= toMonday($__fromTime, 'UTC') AND day <= toDate($__toTime, 'UTC')
        GROUP BY subject, topic
        ORDER BY countMerge(answers) DESC, subject, topic
        LIMIT 12
    )
    GROUP BY week, subject, topic
)
ORDER BY week, topic
