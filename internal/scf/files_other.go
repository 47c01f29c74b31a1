//go:build !unix

package scf

// connections is how many connections this process may have.
func connections() int { return mostConnections }
