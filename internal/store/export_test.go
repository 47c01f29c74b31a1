package store

import "context"

// SetSchemaVersion pretends that the schema has another version.
func (s *Store) SetSchemaVersion(v int64) error {
	db := s.write.WithContext(context.Background())
	if err := db.Exec(`DELETE FROM goose_db_version WHERE version_id > 0`).Error; err != nil {
		return err
	}
	return db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, TRUE)`, v).Error
}

// Admin runs one statement.
func (s *Store) Admin(statement string) error {
	return s.write.WithContext(context.Background()).Exec(statement).Error
}
