package smoke

// FilterOf is TestFilter for given values of the flags.
var FilterOf = testFilter
