local paused = obj.spec.paused == true
local failed = false
if obj.status ~= nil then
  failed = obj.status.failures ~= nil and obj.status.failures[1] ~= nil
  for _, condition in ipairs(obj.status.conditions or {}) do
    if condition.type == "Stalled" and condition.status == "True" then
      failed = true
    end
  end
end
return {
  resync = {
    displayName = "Resync: look and act now",
    iconClass = "fa fa-fw fa-refresh",
  },
  ["retry-failed"] = {
    displayName = "Retry failed users",
    iconClass = "fa fa-fw fa-redo",
    disabled = not failed,
  },
  pause = {
    displayName = "Pause: nothing more is sent, running jobs are followed",
    iconClass = "fa fa-fw fa-pause",
    disabled = paused,
  },
  resume = {
    displayName = "Resume",
    iconClass = "fa fa-fw fa-play",
    disabled = not paused,
  },
}
