-- Trainings by day: started, finished, and those finished with every question answered or passed over.
SELECT
    toDateTime(day, 'UTC') AS time, toInt64(sumMerge(started)) AS begun, toInt64(sumMerge(finished)) AS ended,
    toInt64(sumMerge(complete)) AS whole
FROM trainings
WHERE $__dateFilter(day)
GROUP BY day
ORDER BY day
