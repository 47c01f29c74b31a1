package main

import (
	"archive/zip"
	"compress/flate"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// epoch is every entry's time: the first a zip can hold.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// pack writes files to the root of a zip, sorted, executable and without anything that differs between
// two runs.
func pack(archive string, files []string) error {
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	w := zip.NewWriter(out)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	for _, file := range slices.Sorted(slices.Values(files)) {
		if err := add(w, file); err != nil {
			_ = out.Close()
			return fmt.Errorf("pack %s: %w", filepath.Base(file), err)
		}
	}
	if err := w.Close(); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}

func add(w *zip.Writer, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	header := &zip.FileHeader{Name: filepath.Base(file), Method: zip.Deflate, Modified: epoch}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, in)
	return err
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		return err
	}
	return os.Chmod(to, 0o755)
}

// report prints the sizes: a cold start takes longer with each MiB.
func report(w io.Writer, files []string) error {
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%-26s %9d bytes %7.2f MiB\n", file, info.Size(), float64(info.Size())/(1<<20)); err != nil {
			return err
		}
	}
	return nil
}
