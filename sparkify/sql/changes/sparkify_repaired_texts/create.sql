-- Grain: one staged text that was encoded twice as UTF-8, as a migration finds it.
CREATE TEMP TABLE sparkify_repaired_texts (
    text VARCHAR(4096) NOT NULL, -- as staged
    meant VARCHAR(4096) NOT NULL -- as it was meant
)
