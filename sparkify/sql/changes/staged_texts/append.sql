-- The texts that are not known yet. To Redshift, texts that differ in trailing blanks are one.
INSERT INTO normalized_texts (text, normalized)
SELECT staged_texts.text, max(staged_texts.normalized) AS normalized
FROM staged_texts
LEFT JOIN normalized_texts AS known ON staged_texts.text = known.text
WHERE known.text IS NULL
GROUP BY staged_texts.text
