package wire

// Symptoms of what a user pod reaches, asked from within it.
const (
	Unreached Symptom = "unreached" // what it should reach did not answer
	Reached   Symptom = "reached"   // what it must not reach did answer
)
