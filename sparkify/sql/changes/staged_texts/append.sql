-- The texts that are not known yet. To Redshift, texts that differ in trailing blanks are one.
INSERT INTO normalized_texts (text, normalized)
SELECT staged_texts.text, max(staged_texts.normalized) AS normalized
FROM staged_texts
WHERE NOT EXISTS (SELECT 1 FROM normalized_texts WHERE normalized_texts.text = staged_texts.text)
GROUP BY staged_texts.text
