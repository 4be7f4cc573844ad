-- How many questions there are in each tenth of the mean score, of those with 50 answers and more. By whole months.
SELECT concat(toString(toUInt8(tenth * 10)), '–', toString(toUInt8(tenth * 10 + 10)), ' %') AS facility, count() AS questions
FROM (
    SELECT subject, question, least(9, floor(10 * sumMerge(score) / countMerge(answers) + 1e-9)) AS tenth
    FROM quality
    WHERE month >= toStartOfMonth($__fromTime, 'UTC') AND month <= toDate($__toTime, 'UTC')
    GROUP BY subject, question
    HAVING countMerge(answers) >= 50
)
GROUP BY tenth
ORDER BY tenth
