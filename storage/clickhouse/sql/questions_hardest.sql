-- The questions with the lowest mean score, with its interval (Wilson). By whole months.
SELECT
    subject, question, given, facility,
    (facility + zz / (2 * given) - spread) / (1 + zz / given) AS low,
    (facility + zz / (2 * given) + spread) / (1 + zz / given) AS high
FROM (
    SELECT
        subject, question, given, facility, 3.841458820694124 AS zz,
        sqrt(zz * facility * (1 - facility) / given + zz * zz / (4 * given * given)) AS spread
    FROM (
        SELECT subject, question, toInt64(countMerge(answers)) AS given, sumMerge(score) / given AS facility
        FROM quality
        WHERE month >= toStartOfMonth($__fromTime, 'UTC') AND month <= toDate($__toTime, 'UTC')
        GROUP BY subject, question
    )
    WHERE given >= 50
)
ORDER BY facility, question
LIMIT 20
