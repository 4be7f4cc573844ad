-- The median and the ninth tenth of the seconds that an answer took, by day.
SELECT
    toDateTime(day, 'UTC') AS time,
    steps[half] + (total * 0.5 - reached[half] + counts[half]) / counts[half] AS median,
    steps[most] + (total * 0.9 - reached[most] + counts[most]) / counts[most] AS ninth_tenth
FROM (
    SELECT
        day, times.1 AS steps, times.2 AS counts, arrayCumSum(counts) AS reached, arraySum(counts) AS total,
        arrayFirstIndex(one -> one >= total * 0.5, reached) AS half,
        arrayFirstIndex(one -> one >= total * 0.9, reached) AS most
    FROM (SELECT day, sumMapMerge(seconds) AS times FROM learning WHERE $__dateFilter(day) GROUP BY day)
)
ORDER BY day
