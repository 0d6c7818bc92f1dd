// The callbacks of the knobs `tensorboard` and `wandb`.
function(experiment)
  local tensorboard = experiment.tensorboard, wandb = experiment.wandb;
  (if tensorboard == false || tensorboard == null then []
   else [{ type: 'luke_tensorboard' } + if std.isObject(tensorboard) then tensorboard else {}])
  + (if wandb == false || wandb == null then []
     else if wandb == true then error "wandb: set the name of the project, or an object with 'project'"
     else [{ type: 'luke_wandb' } + if std.isObject(wandb) then wandb else { project: wandb }])
