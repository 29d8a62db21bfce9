package browser

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// trust makes a home directory for Chromium in which it finds the authorities of a PEM bundle. On Linux Chromium reads
// additional authorities from the NSS database of its home only: this way certificates stay verified in full, without root
// and without a trace outside this run.
func trust(ctx context.Context, home string, bundle []byte) error {
	if runtime.GOOS != "linux" {
		return noTrust("Linux, where Chromium takes authorities from a database of the run's own", "a run on "+runtime.GOOS+
			"; run the suite on Linux, or have the deployment's certificate signed by a public authority")
	}
	tool, err := exec.LookPath("certutil")
	if err != nil {
		return noTrust("certutil, to make the browser trust SMOKE_CA", "no such program; install it (Debian: apt-get install libnss3-tools)")
	}
	authorities, err := certificates(bundle)
	if err != nil {
		return noTrust("PEM certificates in SMOKE_CA", err.Error())
	}
	if err := database(ctx, tool, filepath.Join(home, ".pki", "nssdb"), authorities); err != nil {
		return noTrust("a certificate database for the browser", err.Error())
	}
	return nil
}

func noTrust(want, got string) error {
	return &wire.Fault{Subject: "The browser's trust in SMOKE_CA", Symptom: wire.Unavailable, Inconclusive: true, Want: want, Got: got}
}

// certificates splits a bundle into PEM blocks of one certificate each, as certutil wants them.
func certificates(bundle []byte) ([][]byte, error) {
	var out [][]byte
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("certificate %d of the bundle cannot be read: %w", len(out)+1, err)
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no certificate")
	}
	return out, nil
}

// database makes an NSS database that trusts the authorities as issuers of servers' certificates.
func database(ctx context.Context, tool, dir string, authorities [][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := certutil(ctx, tool, nil, "-N", "--empty-password", "-d", "sql:"+dir); err != nil {
		return err
	}
	for i, ca := range authorities {
		if err := certutil(ctx, tool, ca, "-A", "-a", "-d", "sql:"+dir, "-n", fmt.Sprintf("smoke %d", i+1), "-t", "C,,"); err != nil {
			return err
		}
	}
	return nil
}

func certutil(ctx context.Context, tool string, input []byte, args ...string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("certutil %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
