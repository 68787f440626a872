-- The texts that are not known yet. To Redshift, texts that differ in trailing blanks are one.
INSERT INTO normalized_texts (text, normalized)
SELECT sparkify_staged_texts.text, max(sparkify_staged_texts.normalized) AS normalized
FROM sparkify_staged_texts
LEFT JOIN normalized_texts AS known ON sparkify_staged_texts.text = known.text
WHERE known.text IS NULL
GROUP BY sparkify_staged_texts.text
