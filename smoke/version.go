package smoke

// Version is the suite's version, as reports and the User-Agent show it.
const Version = "0.1.0-dev"
