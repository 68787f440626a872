-- Grain: one text and its normalized form, as sent by the machine that judged the records.
CREATE TEMP TABLE sparkify_staged_texts (
    text VARCHAR(1024) NOT NULL, -- the text as staged
    normalized VARCHAR(4096) -- its normalized form
)
