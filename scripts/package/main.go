// Command package builds the two functions for the platform and packs them: build/function, the folder
// that serverless.yml deploys, and build/migwatch.zip, the same files for the console and Terraform.
//
// The same tree gives the same bytes, wherever and whenever it is built: paths are trimmed, times are
// fixed, nothing of the builder's environment reaches the compiler. It writes only below its output
// folder.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// zipName is what the package is called in the output folder.
const zipName = "migwatch.zip"

func main() {
	out := flag.String("o", "build", "output `folder`")
	stamp := flag.Bool("stamp", true, "write the commit into the binaries, where there is one")
	flag.Parse()
	if err := run(*out, *stamp); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

func run(out string, stamp bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	folder := filepath.Join(out, "function")
	// A file of an older release left here would be deployed.
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var files []string
	for _, name := range []string{"poll", "query"} {
		file := filepath.Join(folder, name)
		if err := build(root, "./functions/"+name, file, stamp); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
		if err := checkStatic(file); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, file)
	}
	start := filepath.Join(folder, "scf_bootstrap")
	if err := copyFile(filepath.Join(root, "deploy", "web", "scf_bootstrap"), start); err != nil {
		return err
	}
	files = append(files, start)
	archive := filepath.Join(out, zipName)
	if err := pack(archive, files); err != nil {
		return err
	}
	return report(os.Stdout, append(files, archive))
}
