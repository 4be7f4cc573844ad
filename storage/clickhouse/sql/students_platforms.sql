-- Where students train.
SELECT platform, uniqExactMerge(users) AS students, toInt64(sumMerge(answers)) AS given
FROM presence
WHERE $__dateFilter(day)
GROUP BY platform
ORDER BY platform
