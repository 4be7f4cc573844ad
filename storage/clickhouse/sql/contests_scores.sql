-- How many trainings of contests ended in each tenth of the score.
SELECT contest, toFloat64(tenth) / 10 AS share, toInt64(count) AS trainings
FROM (
    SELECT contest, sumMapMerge(tenths) AS counts
    FROM contests
    WHERE $__dateFilter(day)
    GROUP BY contest
)
ARRAY JOIN counts.1 AS tenth, counts.2 AS count
WHERE count > 0
ORDER BY contest DESC, tenth
