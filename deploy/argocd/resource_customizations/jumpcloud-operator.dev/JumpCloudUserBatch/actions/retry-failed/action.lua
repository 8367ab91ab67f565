-- An annotation, because what Git does not declare it does not revert.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["jumpcloud-operator.dev/retry-failed"] = os.date("!%Y-%m-%dT%XZ")
return obj
