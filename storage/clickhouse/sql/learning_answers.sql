-- Answers by day and subject.
SELECT toDateTime(day, 'UTC') AS time, subject, toInt64(countMerge(answers)) AS given
FROM learning
WHERE $__dateFilter(day)
GROUP BY day, subject
ORDER BY day, subject
