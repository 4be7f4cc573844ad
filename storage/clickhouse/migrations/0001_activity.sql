CREATE TABLE IF NOT EXISTS activity (
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
    seconds      Float64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY position
