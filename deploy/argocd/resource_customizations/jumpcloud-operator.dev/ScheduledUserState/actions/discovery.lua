local paused = obj.spec.paused == true
local failed = false
if obj.status ~= nil then
  failed = obj.status.counts ~= nil and obj.status.counts.failed ~= nil and obj.status.counts.failed > 0
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
    displayName = "Pause: cancels what is scheduled in JumpCloud",
    iconClass = "fa fa-fw fa-pause",
    disabled = paused,
  },
  resume = {
    displayName = "Resume: schedules the users again",
    iconClass = "fa fa-fw fa-play",
    disabled = not paused,
  },
}
