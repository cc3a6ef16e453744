package notify

// Classify is what becomes of a service's error.
var Classify = classify
