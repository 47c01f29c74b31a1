package dbtest_test

import (
	"testing"

	"migwatch/internal/dbtest"
)

func TestGaleraNodeComesBack(t *testing.T) {
	c := dbtest.NewGalera(t, 3)
	name := c.Nodes[0].Database(t)
	c.Nodes[0].Admin(t, "CREATE TABLE "+name+".x (id INT PRIMARY KEY)")
	c.Nodes[2].Synced(t) // MariaDB loses a change of schema whose applying is cut off
	c.Nodes[2].Kill()
	c.Nodes[1].Admin(t, "INSERT INTO "+name+".x VALUES (7)")
	c.Nodes[2].Start(t)
	c.Nodes[2].Synced(t)
	c.Nodes[2].Admin(t, "UPDATE "+name+".x SET id = 8 WHERE id = 7")
}
