SELECT
    toDate(at) AS day, subject, topic,
    countState() AS answers, sumState(correct) AS correct, sumState(score) AS score,
    sumMapState([toUInt16(least(3600, greatest(0, floor(seconds))))], [toUInt32(1)]) AS seconds,
    maxState(position) AS upto
FROM activity
WHERE position > {after} AND position <= {upto} AND event = 'answered'
GROUP BY day, subject, topic
