local paused = obj.spec.paused == true
return {
  pause = {
    displayName = "Pause: nothing is written through this connection",
    iconClass = "fa fa-fw fa-pause",
    disabled = paused,
  },
  resume = {
    displayName = "Resume",
    iconClass = "fa fa-fw fa-play",
    disabled = not paused,
  },
}
