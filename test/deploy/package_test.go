package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// once builds the package for all tests here.
var once = sync.OnceValues(func() (string, error) {
	out, err := os.MkdirTemp("", "migwatch-package")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "run", "./scripts/package", "-stamp=false", "-o", out)
	cmd.Dir = root
	if b, err := cmd.CombinedOutput(); err != nil {
		return out, fmt.Errorf("package: %w\n%s", err, b)
	}
	return out, nil
})

// built says whether once was asked for something to remove.
var built bool

// packaged is a folder with what make package makes.
func packaged(t *testing.T) string {
	t.Helper()
	built = true
	out, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built {
		if out, _ := once(); out != "" {
			_ = os.RemoveAll(out)
		}
	}
	os.Exit(code)
}
