-- The share of right answers by day and subject.
SELECT toDateTime(day, 'UTC') AS time, subject, sumMerge(correct) / countMerge(answers) AS share
FROM learning
WHERE $__dateFilter(day)
GROUP BY day, subject
ORDER BY day, subject
