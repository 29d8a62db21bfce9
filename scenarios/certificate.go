package scenarios

import (
	"context"

	"binderhub-smoke/smoke"
	"binderhub-smoke/smoke/browser"
)

// withCertificate skips the browser's scenario where the target wants a client certificate and Chromium would ask a person
// which one to show.
func (j *Journey) withCertificate(sc smoke.Scenario) smoke.Scenario {
	if j.Target.Credentials.Certificate == nil || browser.SelectsCertificates() {
		return sc
	}
	why := smoke.Skip("Chromium asks a person for a client certificate; put the certificate into its NSS database, " +
		"and the policy AutoSelectCertificateForUrls into /etc/chromium/policies/managed/")
	for i := range sc.Steps {
		sc.Steps[i].Do, sc.Steps[i].Evidence = func(context.Context) error { return why }, nil
	}
	return sc
}
