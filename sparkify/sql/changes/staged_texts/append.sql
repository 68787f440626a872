-- The texts that are not known yet.
INSERT INTO normalized_texts (text, normalized)
SELECT staged_texts.text, staged_texts.normalized
FROM staged_texts
WHERE NOT EXISTS (SELECT 1 FROM normalized_texts WHERE normalized_texts.text = staged_texts.text)
