// Pins the Lua interpreter of Argo CD and the JSON encoder that it gives results of scripts to. `go mod tidy`
// keeps the rest.
module jumpcloud-operator.dev/lua

go 1.26.0

require (
	github.com/yuin/gopher-lua v1.1.2
	layeh.com/gopher-json v0.0.0-20190114024228-97fed8db8427
)
