// mLUKE base, first stage: XLM-R and the Wikipedias of 24 languages, one dataset each, with a shared entity vocabulary
// (Ri et al., ACL 2022). The share of a language is from memory: check it there.
local environment = import '../lib/environment.libsonnet';
local knobs = import '../lib/knobs.libsonnet';
local languages = ['ar', 'bn', 'de', 'el', 'en', 'es', 'fi', 'fr', 'hi', 'id', 'it', 'ja', 'ko', 'nl', 'pl', 'pt', 'ru',
                   'sv', 'sw', 'te', 'th', 'tr', 'vi', 'zh'];

knobs(import '../lib/pretraining.libsonnet', { languages:: languages }) + {
  model_name:: environment.model_or('xlm-roberta-base'),
  datasets:: [self.data + '/pretraining/' + language for language in self.languages if language != 'en'],
  sampling_exponent:: 0.7,
  whole_words:: false,
  train_only_new:: true,
  learning_rate:: 5e-4,
  num_steps:: 540326,
}
