package wire

// Symptoms of what was asked from within a user pod.
const (
	Unreached Symptom = "unreached" // what it should reach did not answer
	Reached   Symptom = "reached"   // what it must not reach did answer
	// Unexpected is that the software shows another version, or lacks something that the settings expect of it.
	Unexpected Symptom = "unexpected"
)
