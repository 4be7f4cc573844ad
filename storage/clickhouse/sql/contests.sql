-- Contests: how many took part, came to the end, answered, and the mean share of the score of what was answered.
SELECT
    contest, subject, toString(min(day)) AS since, uniqExactMerge(users) AS students,
    toInt64(sumMerge(started)) AS begun, toInt64(sumMerge(finished)) AS ended,
    toInt64(sumMerge(answers)) AS given, if(given = 0, 0, sumMerge(score) / given) AS share
FROM contests
WHERE $__dateFilter(day)
GROUP BY contest, subject
ORDER BY contest DESC, subject
