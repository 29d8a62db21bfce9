package settings

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// one is a target with further lines, from line 3 and column 3 on.
func one(lines string) string { return "targets:\n- binder: https://b\n" + lines }

var badCredentials = []bad{
	{name: "token in the file", yaml: one("  credentials: {token: hunter2hunter2}\n"), where: "smoke.yaml:3:24", says: []string{"credentials.token must be {env: NAME} or {file: path}", "got something else"}},
	{name: "token without variable", yaml: one("  credentials: {token: {env: NONE}}\n"), where: "smoke.yaml:3:24", says: []string{"got {env: NONE}", "not set"}},
	{name: "token with empty variable", yaml: one("  credentials: {token: {env: EMPTY}}\n"), environ: []string{"EMPTY="}, where: "smoke.yaml:3:24", says: []string{"not set, or empty"}},
	{name: "token without file", yaml: one("  credentials: {token: {file: none}}\n"), where: "smoke.yaml:3:24", says: []string{"{file: none}", "no such file"}},
	{name: "token of a directory", yaml: one("  credentials: {token: {file: .}}\n"), where: "smoke.yaml:3:24", says: []string{"no regular file"}},
	{name: "token of two places", yaml: one("  credentials: {token: {file: secret, env: A}}\n"), where: "smoke.yaml:3:24", says: []string{"got 2 keys"}},
	{name: "token of no place", yaml: one("  credentials: {token: {}}\n"), where: "smoke.yaml:3:24", says: []string{"got 0 keys"}},
	{name: "token of an unknown place", yaml: one("  credentials: {token: {vault: hunter2}}\n"), where: "smoke.yaml:3:25", says: []string{"another key"}},
	{name: "token of two lines", yaml: one("  credentials: {token: {file: ca.pem}}\n"), where: "smoke.yaml:3:24", says: []string{"more than one line"}},
	{name: "short token", yaml: one("  credentials: {token: {env: A}}\n"), environ: []string{"A=abc"}, where: "smoke.yaml:3:24", says: []string{"fewer than 6 characters"}},
	{name: "token file missing", environ: []string{"SMOKE_BINDER=https://b", "SMOKE_TOKEN_FILE=none"}, where: "environment", says: []string{"SMOKE_TOKEN_FILE must be a file that holds the token", "no such file"}},
	{name: "header in the file", yaml: one("  headers: {X-Key: hunter2}\n"), where: "smoke.yaml:3:20", says: []string{"headers.X-Key must be {env: NAME}"}},
	{name: "header with a bad name", yaml: one("  headers: {'X Key': {env: A}}\n"), environ: []string{"A=b"}, where: "smoke.yaml:3:", says: []string{"no name of a header"}},
	{name: "reserved header", yaml: one("  headers: {cookie: {env: A}}\n"), environ: []string{"A=b"}, where: "smoke.yaml:3:", says: []string{"headers.cookie", "sets that header itself"}},
	{name: "headers file of another form", environ: []string{"SMOKE_BINDER=https://b", "SMOKE_HEADERS_FILE=ca.pem"}, where: "environment", says: []string{"line 1 of it is not Name: value"}},
	{name: "headers file with nothing", environ: []string{"SMOKE_BINDER=https://b", "SMOKE_HEADERS_FILE=empty"}, where: "environment", says: []string{"holds no header"}},
	{name: "basic and token", yaml: one("  credentials: {token: {file: secret}, basic: {user: u, password: {file: secret}}}\n"), where: "smoke.yaml:3:24", says: []string{"both are sent in that header"}},
	{name: "basic and header", yaml: one("  headers: {Authorization: {file: secret}}\n  credentials: {basic: {user: u, password: {file: secret}}}\n"), where: "smoke.yaml:4:", says: []string{"must not be given together with the header Authorization"}},
	{name: "basic with a colon", yaml: one("  credentials: {basic: {user: 'a:b', password: {file: secret}}}\n"), where: "smoke.yaml:3:31", says: []string{"without a colon"}},
	{name: "half a login", yaml: one("  credentials: {login: {user: u}}\n"), where: "smoke.yaml:3:31", says: []string{"credentials.login must be whole"}},
	{name: "short password", yaml: one("  credentials: {login: {user: u, password: {env: A}}}\n"), environ: []string{"A=abc"}, where: "smoke.yaml:3:", says: []string{"credentials.login.password", "fewer than 6"}},
	{name: "login and token", yaml: one("  credentials: {token: {file: secret}, login: {user: u, password: {file: secret}}}\n"), where: "smoke.yaml:3:", says: []string{"one of a token, a login and cookies; got a token and a login"}},
	{name: "cookies missing", yaml: one("  credentials: {cookies: none}\n"), where: "smoke.yaml:3:26", says: []string{"no such file"}},
	{name: "cookies of another form", yaml: one("  credentials: {cookies: secret}\n"), where: "smoke.yaml:3:26", says: []string{"line 1 of it has 1 fields"}},
	{name: "certificate without key", yaml: one("  credentials: {certificate: {file: ca.pem}}\n"), where: "smoke.yaml:3:37", says: []string{"must be whole"}},
	{name: "certificate with another key", yaml: one("  credentials: {certificate: {file: ca.pem, key: ca.pem}}\n"), where: "smoke.yaml:3:50", says: []string{"the certificate's key"}},
	{name: "must work", yaml: one("  credentials: {must_work: yes}\n"), where: "smoke.yaml:3:28", says: []string{"credentials.must_work must be on or off"}},
	{name: "unknown credential", yaml: one("  credentials: {tokn: {file: secret}}\n"), where: "smoke.yaml:3:17", says: []string{"did you mean token?"}},
	{name: "credentials by flag", args: []string{"--credentials=x"}, where: "flag", says: []string{"in the settings file, as credentials"}},

	{name: "kind", environ: []string{"SMOKE_KIND=hub"}, where: "environment", says: []string{"binderhub or jupyterhub"}},
	{name: "hub with binder", yaml: one("  kind: jupyterhub\n"), where: "smoke.yaml:2:3", says: []string{"binder must not be given for kind jupyterhub"}},
	{name: "hub without hub", yaml: "targets:\n- kind: jupyterhub\n", where: "smoke.yaml:2:3", says: []string{"kind jupyterhub needs one"}},

	{name: "labels are a list", yaml: one("  labels: [a]\n"), where: "smoke.yaml:3:11", says: []string{"labels must be keys with values"}},
	{name: "label's name", yaml: one("  labels: {Site: east}\n"), where: "smoke.yaml:3:18", says: []string{"labels.Site", "a-z, 0-9 and _"}},
	{name: "label's value", yaml: one("  labels: {site: [east]}\n"), where: "smoke.yaml:3:18", says: []string{"labels.site", "a list"}},
	{name: "unknown label", yaml: one("  labels: {site: east}\n"), args: []string{"--targets=site=eats"}, where: "flag", says: []string{"did you mean site=east?"}},

	{name: "budget of a scenario", yaml: one("  budgets: {kernel: 5m}\n"), where: "smoke.yaml:3:21", says: []string{"scenario/step"}},
	{name: "budget of no step", yaml: one("  budgets: {kernel/chanel: 5m}\n"), where: "smoke.yaml:3:28", says: []string{"did you mean channel?"}},
	{name: "budget of nothing", yaml: one("  budgets: {kernel/channel: 0s}\n"), where: "smoke.yaml:3:29", says: []string{"out of range"}},
	{name: "impossible budget", yaml: "timeout: 10m\n" + one("  budgets: {kernel/channel: 20m}\n"), where: "smoke.yaml:4:29", says: []string{"the whole run has 10m0s"}},
	{name: "budget without unit", yaml: one("  budgets: {kernel/channel: 20}\n"), where: "smoke.yaml:3:29", says: []string{"the unit is missing"}},

	{name: "known is no list", yaml: one("  known: {cause: cert-expired}\n"), where: "smoke.yaml:3:10", says: []string{"known must be a list", "cause, until and why"}},
	{name: "known without why", yaml: one("  known: [{cause: cert-expired, until: 2030-01-01}]\n"), where: "smoke.yaml:3:11", says: []string{"why is missing"}},
	{name: "known with an unknown key", yaml: one("  known: [{cause: ws-upgrade-missing, untill: 2030-01-01, why: x}]\n"), where: "smoke.yaml:3:39", says: []string{"did you mean until?"}},
	{name: "unknown cause", yaml: one("  known: [{cause: ws-upgrade-mising, until: 2030-01-01, why: x}]\n"), where: "smoke.yaml:3:19", says: []string{"there is no such cause", "did you mean ws-upgrade-missing?"}},
	{name: "unrecognised is no cause", yaml: one("  known: [{cause: unrecognised, until: 2030-01-01, why: x}]\n"), where: "smoke.yaml:3:19", says: []string{"may be anything"}},
	{name: "known until no day", yaml: one("  known: [{cause: ws-upgrade-missing, until: soon, why: x}]\n"), where: "smoke.yaml:3:46", says: []string{"a day, such as 2026-12-31"}},
	{name: "known twice", yaml: one("  known: [{cause: ws-upgrade-missing, until: 2030-01-01, why: x}, {cause: ws-upgrade-missing, until: 2030-01-01, why: y}]\n"), where: "smoke.yaml:3:", says: []string{"given twice"}},
}

func TestEachBadCredentialIsOneLine(t *testing.T) {
	for _, b := range badCredentials {
		t.Run(b.name, func(t *testing.T) {
			dir := t.TempDir()
			writeCA(t, filepath.Join(dir, "ca.pem"))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("hunter2hunter2\n"), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "empty"), []byte("# none\n"), 0o600))
			if b.yaml != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "smoke.yaml"), []byte(b.yaml), 0o600))
			}
			_, err := Load(Source{Args: b.args, Environ: b.environ, Dir: dir, IDs: ids})
			assertLine(t, err, b.where, b.says)
		})
	}
}
