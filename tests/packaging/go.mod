// Pins the tools that tests of charts/ and deploy/ run. See README.md beside it for how to move to another version.
module jumpcloud-operator.dev/packaging

go 1.26.0

tool helm.sh/helm/v4/cmd/helm

require helm.sh/helm/v4 v4.3.1
