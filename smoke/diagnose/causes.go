package diagnose

// Groups of causes that have none yet.
var (
	runnerCauses, networkCauses, tlsCauses, edgeCauses []Cause

	streamCauses, binderhubCauses, spawnCauses, hubCauses, authCauses, kernelCauses, serverCauses []Cause
)
