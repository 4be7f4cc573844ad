-- Activity gets what was chosen, and the end of a training tells of all that was answered in it. It is made again from
-- the journal: the relay finds the table empty and begins at the beginning.
DROP TABLE IF EXISTS activity;

CREATE TABLE activity (
    position     UInt64,
    user         UInt64,
    seq          UInt32,
    at           DateTime('UTC'),
    microseconds UInt32,
    event        String,
    platform     String,
    training     String,
    subject      String,
    topic        String,
    kind         String,
    question     UInt64,
    score        Float64,
    correct      UInt8,
    seconds      Float64,
    mode         String,
    contest      UInt64,
    reason       String,
    chosen       Array(String),
    questions    Array(UInt64),
    scores       Array(Float64),
    times        Array(Float64),
    choices      Array(Array(String))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY position;

-- Rollups: each is filled from activity by positions, and `upto` is how far it has come.
DROP TABLE IF EXISTS learning;
CREATE TABLE learning (
    day     Date,
    subject String,
    topic   String,
    answers AggregateFunction(count),
    correct AggregateFunction(sum, UInt8),
    score   AggregateFunction(sum, Float64),
    seconds AggregateFunction(sumMap, Array(UInt16), Array(UInt32)),
    upto    AggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (day, subject, topic);

DROP TABLE IF EXISTS trainings;
CREATE TABLE trainings (
    day      Date,
    subject  String,
    mode     String,
    platform String,
    started  AggregateFunction(sum, UInt8),
    finished AggregateFunction(sum, UInt8),
    complete AggregateFunction(sum, UInt8),
    upto     AggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (day, subject, mode, platform);

DROP TABLE IF EXISTS presence;
CREATE TABLE presence (
    day      Date,
    hour     UInt8,
    platform String,
    answers  AggregateFunction(sum, UInt8),
    users    AggregateFunction(uniqExact, UInt64),
    upto     AggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (day, hour, platform);

DROP TABLE IF EXISTS people;
CREATE TABLE people (
    user    UInt64,
    first   AggregateFunction(min, DateTime('UTC')),
    last    AggregateFunction(max, DateTime('UTC')),
    answers AggregateFunction(sum, UInt8),
    correct AggregateFunction(sum, UInt8),
    upto    AggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY user;

DROP TABLE IF EXISTS weeks;
CREATE TABLE weeks (
    week    Date,
    user    UInt64,
    answers AggregateFunction(sum, UInt8),
    upto    AggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (week, user);

-- Of finished trainings. `x` is the score of an answer, `y` the mean score of all others in its training, `strengths`
-- counts the answers by twentieths of `y`, and those that stand alone in their training are in neither.
DROP TABLE IF EXISTS quality;
CREATE TABLE quality (
    month     Date,
    subject   String,
    question  UInt64,
    answers   AggregateFunction(count),
    correct   AggregateFunction(sum, UInt8),
    score     AggregateFunction(sum, Float64),
    pairs     AggregateFunction(sum, UInt8),
    x         AggregateFunction(sum, Float64),
    xx        AggregateFunction(sum, Float64),
    y         AggregateFunction(sum, Float64),
    yy        AggregateFunction(sum, Float64),
    xy        AggregateFunction(sum, Float64),
    seconds   AggregateFunction(sumMap, Array(UInt16), Array(UInt32)),
    strengths AggregateFunction(sumMap, Array(UInt8), Array(UInt32)),
    upto      AggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (month, subject, question);

DROP TABLE IF EXISTS choices;
CREATE TABLE choices (
    month     Date,
    subject   String,
    question  UInt64,
    choice    String,
    strengths AggregateFunction(sumMap, Array(UInt8), Array(UInt32)),
    upto      AggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (month, subject, question, choice);

DROP TABLE IF EXISTS contests;
CREATE TABLE contests (
    contest  UInt64,
    subject  String,
    day      Date,
    users    AggregateFunction(uniqExact, UInt64),
    started  AggregateFunction(sum, UInt8),
    finished AggregateFunction(sum, UInt8),
    answers  AggregateFunction(sum, UInt64),
    score    AggregateFunction(sum, Float64),
    tenths   AggregateFunction(sumMap, Array(UInt8), Array(UInt32)),
    upto     AggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (contest, subject, day);

DROP TABLE IF EXISTS logs;
CREATE TABLE logs (
    at           DateTime('UTC'),
    microseconds UInt32,
    level        String,
    logger       String,
    event        String,
    fields       String
)
ENGINE = MergeTree
PARTITION BY toMonday(at)
ORDER BY at
;

-- How far a rollup is at least: so that one with few rows need not look through all of activity at every start.
DROP TABLE IF EXISTS marks;
CREATE TABLE marks (
    rollup   String,
    position UInt64
)
ENGINE = MergeTree
ORDER BY (rollup, position)
