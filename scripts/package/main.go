// Command package builds the two functions for the platform and packs them: build/function, the folder
// that serverless.yml deploys, and build/migwatch.zip, the same files for the console and Terraform.
//
// The same tree gives the same bytes, wherever and whenever it is built: paths are trimmed, times are
// fixed, nothing of the builder's environment reaches the compiler. It writes only below its output
// folder.
package main

import (
	"context"
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
	if err := run(context.Background(), *out, *stamp); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

// run builds beside what is there and puts it in place whole: a failed build leaves the last package
// as it was, and no file of an older one stays to be deployed.
func run(ctx context.Context, out string, stamp bool) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(out, "package-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	fresh := filepath.Join(work, "function")
	files, err := fill(ctx, root, fresh, stamp)
	if err != nil {
		return err
	}
	if err := pack(filepath.Join(work, zipName), files); err != nil {
		return err
	}
	folder := filepath.Join(out, "function")
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for _, name := range []string{"function", zipName} {
		if err := os.Rename(filepath.Join(work, name), filepath.Join(out, name)); err != nil {
			return err
		}
	}
	for i, file := range files {
		files[i] = filepath.Join(folder, filepath.Base(file))
	}
	return report(os.Stdout, append(files, filepath.Join(out, zipName)))
}

// fill makes the folder that is deployed and gives its files.
func fill(ctx context.Context, root, folder string, stamp bool) (files []string, err error) {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{"poll", "query"} {
		file := filepath.Join(folder, name)
		if err := build(ctx, root, "./functions/"+name, file, stamp); err != nil {
			return nil, fmt.Errorf("build %s: %w", name, err)
		}
		if err := checkStatic(file); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, file)
	}
	start := filepath.Join(folder, "scf_bootstrap")
	if err := copyFile(filepath.Join(root, "deploy", "web", "scf_bootstrap"), start); err != nil {
		return nil, err
	}
	return append(files, start), nil
}
