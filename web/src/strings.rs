//! Every word of the page, in English and Chinese, in one table.
//!
//! A text may hold places `{name}` that [`Text::fill`] fills. `index.html` names texts by
//! `data-t`; a test reads it and asks that each of them stands here.

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    /// Of a BCP 47 tag such as a browser's `zh-Hans-CN`; English where it is another language.
    pub(crate) fn of_tag(tag: &str) -> Self {
        match tag.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("zh") => Self::Chinese,
            _ => Self::English,
        }
    }

    /// The tag for `lang` and in problems.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The other of the two.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }
}

/// One text in both languages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    /// Its name in the table.
    pub(crate) name: &'static str,
    english: &'static str,
    chinese: &'static str,
}

impl Text {
    /// The text with its places filled.
    pub(crate) fn fill<V: AsRef<str>>(self, language: Language, values: &[(&str, V)]) -> String {
        let mut text = match language {
            Language::English => self.english,
            Language::Chinese => self.chinese,
        }
        .to_owned();
        for (place, value) in values {
            text = text.replace(&["{", place, "}"].concat(), value.as_ref());
        }
        text
    }
}

macro_rules! table {
    ($($name:ident: $english:literal, $chinese:literal;)*) => {
        $(pub(crate) const $name: Text =
            Text { name: stringify!($name), english: $english, chinese: $chinese };)*

        /// The text of that name.
        pub(crate) fn by_name(name: &str) -> Option<Text> {
            match name {
                $(stringify!($name) => Some($name),)*
                _ => None,
            }
        }

        /// All of them.
        #[cfg(test)]
        const ALL: &[Text] = &[$($name),*];
    };
}

table! {
    // Head
    SKIP: "Skip to the content", "跳到正文";
    TABS: "Parts of the page", "页面分区";
    TAB_ASK: "Ask", "提问";
    TAB_LEARN: "Learn", "学习";
    TAB_ABOUT: "About", "关于";
    MODELS: "Models", "模型";
    SETTINGS: "Settings", "设置";
    OTHER_LANGUAGE: "中文", "English";
    OTHER_LANGUAGE_LABEL: "中文：切换语言", "English: change the language";
    THEME: "Dark theme", "深色主题";
    CLOSE: "Close", "关闭";
    CANCEL: "Cancel", "取消";
    DISMISS: "Dismiss", "知道了";
    FOOT: "Everything runs on this machine: what you ask stays here, and the page talks to no other host unless you give it an address.", "一切都在本机运行：您的问题不会离开这里；除非您填写网址，本页不会访问其他主机。";

    // Ask
    ASK_LEDE: "A language model of half a million parameters thinks on your machine. The page then checks its answer with the very reward that trained it.", "一个只有五十多万参数的语言模型在您的机器上思考，页面随后用训练它的那个奖励来检查答案。";
    QUESTION: "Question", "问题";
    QUESTION_PLACEHOLDER: "Type a question, or draw one", "输入问题，或抽一道题";
    GOLD: "Gold answer", "标准答案";
    GOLD_PLACEHOLDER: "optional", "可不填";
    GOLD_WORKED_OUT: "worked out by the page", "由本页算出";
    GOLD_COUNTDOWN: "any expression with these numbers that makes {target}", "用这些数凑出 {target} 的任一算式";
    LEVEL: "Kind of problem", "题目类型";
    LEVEL_ANY: "Any problem", "任意题目";
    LEVEL_1: "Sum of 2", "2 个数的加减";
    LEVEL_2: "Sum of 3", "3 个数的加减";
    LEVEL_3: "Sum of 4", "4 个数的加减";
    LEVEL_4: "Sum of 5", "5 个数的加减";
    LEVEL_5: "Sum of 6", "6 个数的加减";
    LEVEL_COUNTDOWN: "Countdown", "凑数题";
    DRAW: "Draw a problem", "抽一道题";
    WHICH: "Model that answers", "作答的模型";
    BASE: "Base", "基座";
    TRAINED: "Trained", "训练后";
    RUN: "Ask", "提问";
    SAMPLE: "Sample 8", "采样 8 次";
    STOP: "Stop", "停止";
    TOKENS_TOGGLE: "Colour tokens by log-probability", "按对数概率为词元着色";
    LOADING: "Loading", "加载";
    MACHINE: "Machine", "运行环境";
    EMPTY_QUESTION: "Type a question first, or draw one.", "请先输入问题，或抽一道题。";

    // Result
    THINKING: "Thinking", "思考";
    THINKING_META: "{seconds} s · {tokens} tokens", "{seconds} 秒 · {tokens} 个词元";
    NO_THINKING: "it did not think between the tags", "没有在标签内思考";
    ANSWER: "Answer", "答案";
    NO_ANSWER: "none", "没有给出";
    OUTSIDE: "Outside the tags: ", "标签之外：";
    CORRECT: "Correct", "正确";
    WRONG: "Wrong", "错误";
    UNVERIFIABLE: "Unverifiable", "无法判定";
    STOPPED: "Stopped", "已停止";
    REWARD: "Reward", "奖励";
    ACCURACY: "Accuracy", "准确";
    FORMAT: "Format", "格式";
    LANGUAGE: "Language", "语言";
    TOTAL: "Total", "合计";
    OF_TOTAL: "of {total}", "满分 {total}";
    WHY_CORRECT: "Read “{read}”; the gold answer is {gold}.", "读到“{read}”，标准答案是 {gold}。";
    WHY_CORRECT_COUNTDOWN: "“{read}” uses each number once and makes {gold}.", "“{read}”每个数用一次，得到 {gold}。";
    WHY_WRONG: "Read “{read}”; the gold answer is {gold}.", "读到“{read}”，标准答案是 {gold}。";
    WHY_WRONG_COUNTDOWN: "“{read}” does not make {gold} with each number once: {reason}.", "“{read}”不符合每个数用一次并得到 {gold}：{reason}。";
    WHY_UNVERIFIABLE: "No answer could be read: {reason}.", "读不出答案：{reason}。";
    WHY_NO_GOLD: "There is no gold answer to compare with.", "没有可比较的标准答案。";
    WHY_FORMAT: "Thinking and answer stand once each, in their tags.", "思考与答案各在其标签内出现一次。";
    WHY_NO_FORMAT: "The tags are not as asked: {reason}.", "标签不合要求：{reason}。";
    WHY_CUT: "It was cut at the token limit: that earns nothing.", "达到词元上限被截断：不计奖励。";
    WHY_LANGUAGE: "{share} of the words are in the language of the question. This is watched, not rewarded.", "{share}的词与问题语言一致。仅观察，不计奖励。";
    WHY_LANGUAGE_REWARDED: "{share} of the words are in the language of the question.", "{share}的词与问题语言一致。";
    WHY_NO_WORDS: "There are only figures, no words.", "只有数字，没有文字。";
    TAG_MISSING: "{tag} is missing", "缺少 {tag}";
    TAG_TWICE: "{tag} stands more than once", "{tag} 出现不止一次";
    TAG_ORDER: "something stands outside or between the tags, or their order is wrong", "标签外或标签间有内容，或顺序不对";
    TOKENS: "Tokens", "词元";
    LEGEND: "Probability given to the token", "词元的概率";
    LEGEND_KEYS: "Tokens by log-probability. Left and right arrow keys go from token to token.", "按对数概率显示的词元。用左右方向键逐个查看。";
    VERSUS: "Same question", "同一问题";
    REWARD_IS: "reward {reward}", "奖励 {reward}";
    MEAN_REWARD_IS: "mean reward {reward}", "平均奖励 {reward}";
    ANNOUNCE_RUN: "The model is thinking.", "模型正在思考。";
    ANNOUNCE_ANSWER: "Answer: {answer}. {verdict}. Reward {reward}.", "答案：{answer}。{verdict}。奖励 {reward}。";
    ANNOUNCE_DONE: "Answer: {answer}.", "答案：{answer}。";
    ANNOUNCE_SAMPLE: "Eight completions are being sampled.", "正在采样八个回答。";
    ANNOUNCE_GROUP: "{correct} of {count} are correct. Mean reward {mean}.", "{count} 个中 {correct} 个正确，平均奖励 {mean}。";
    YOU: "You", "您";
    MODEL: "Model", "模型";
    NEW_CONVERSATION: "Begin a new conversation", "开始新对话";

    // Meter
    METER: "Live meter", "实时计量";
    METER_NOTE: "Counted from token ids while they are drawn. The reward itself is decided by the rules over the text.", "在生成时由词元编号计数。奖励本身由针对文本的规则决定。";
    METER_TAG_NONE: ": not there", "：没有";
    METER_TAG_ONCE: ": once", "：一次";
    METER_TAG_MANY: ": {count} times", "：{count} 次";
    METER_REPETITION: "Repeated", "重复";
    METER_REFLECTIVE: "Reflective", "反思词";
    METER_SETTING: "Live meter", "实时计量";
    METER_SETTING_HELP: "Tags, language, repeated 4-grams and reflective words while a model thinks. A large model of yours waits about a second for it at first.", "在模型思考时显示标签、语言、重复的 4 元组与反思词。较大的自选模型首次需多等约一秒。";
    ONLY_WELL_FORMED: "Only well-formed ones ({kept} of {all})", "只看格式正确的（{all} 个中 {kept} 个）";

    // Group
    GROUP: "Group", "组";
    GROUP_MEAN: "mean reward", "平均奖励";
    GROUP_STD: "standard deviation", "标准差";
    GROUP_CORRECT: "correct", "正确";
    LESSON: "This is what GRPO would learn from: completions above the group’s mean become likelier, those below less likely, each by its advantage (reward − mean) / std.", "GRPO 就从这里学习：高于组均值的回答变得更可能，低于均值的更不可能，幅度由优势（奖励 − 均值）/ 标准差决定。";
    LESSON_NONE: "All rewards are alike, so every advantage is 0: GRPO would learn nothing from this group.", "奖励全都相同，优势均为 0：GRPO 从这一组学不到东西。";
    LESSON_NO_GOLD: "Without a gold answer there is no reward, and so no advantages.", "没有标准答案就没有奖励，也就没有优势。";
    ADVANTAGE: "Advantage", "优势";
    TOKEN_COUNT: "{tokens} tokens", "{tokens} 个词元";

    // Machine
    DEV_MODEL: "Model", "模型";
    DEV_PARAMETERS: "{count} parameters", "{count} 个参数";
    DEV_DEVICE: "Device", "设备";
    DEV_LOADED: "Loaded in", "加载用时";
    DEV_FIRST: "First token", "首个词元";
    DEV_SPEED: "Speed", "速度";
    DEV_MEMORY: "Memory", "内存";
    DEV_SECONDS: "{seconds} s", "{seconds} 秒";
    DEV_TOKENS_PER_SECOND: "{speed} tokens/s", "{speed} 词元/秒";
    DEV_CHOSEN: "as chosen", "按您的选择";
    DEV_SELF_TEST: "the GPU failed its self-test: it is {got} away from the CPU, {most} would pass", "GPU 未通过自检：与 CPU 相差 {got}，上限为 {most}";
    DEV_LOST: "the GPU was lost and did not come back", "GPU 连接丢失，未能恢复";
    DEV_NO_GPU: "no GPU with WebGPU was found", "没有找到支持 WebGPU 的 GPU";
    DEV_SOFTWARE: "the browser’s WebGPU computes on the CPU itself, where the page’s own code is faster", "浏览器的 WebGPU 本身就在 CPU 上计算，本页自己的代码更快";
    DEV_FAILED: "the GPU failed while the model was put on it", "模型载入 GPU 时出错";
    DEV_LIMIT: "the GPU has too little: {what}, {expected} needed, {got} there", "GPU 能力不足：{what}，需要 {expected}，仅有 {got}";
    DEV_MEASURED: "measured, {gpu} s a step on the GPU and {cpu} s on the CPU", "实测 GPU 每步 {gpu} 秒，CPU 每步 {cpu} 秒";
    DEV_LATE: "the GPU was not ready after {limit} s; a step takes {cpu} s on the CPU", "GPU 在 {limit} 秒后仍未就绪；CPU 每步 {cpu} 秒";
    DEV_SLOW: "a step takes more than {limit} s on the GPU and {cpu} s on the CPU", "GPU 每步超过 {limit} 秒，CPU 每步 {cpu} 秒";
    DEV_NOT_LOADED: "not loaded yet", "尚未加载";

    // Loading
    STAGE_DOWNLOAD: "Fetching {name}: {done} of {total}", "正在获取 {name}：{done} / {total}";
    STAGE_DOWNLOAD_OPEN: "Fetching {name}: {done}", "正在获取 {name}：{done}";
    STAGE_CACHE: "Reading {name} from this browser’s cache: {done} of {total}", "正在从浏览器缓存读取 {name}：{done} / {total}";
    STAGE_VERIFY: "Checking {name} byte by byte", "正在逐字节校验 {name}";
    STAGE_UPLOAD: "Handing the weights of {name} to the device", "正在把 {name} 的权重交给设备";
    STAGE_SELF_TEST: "Comparing one layer of {name} on the device with the CPU", "正在将 {name} 的一层与 CPU 结果比对";
    STAGE_START: "Starting {name}", "正在启动 {name}";
    NAME_TRAINED: "the trained reasoner", "训练后的模型";
    NAME_BASE: "its base", "基座模型";
    ANNOUNCE_LOADED: "{name} is ready.", "{name}已就绪。";

    // Notices and errors
    NOTICE_ON_CPU: "The model runs on the CPU: quick for the models that come with the page, slow for large ones. Why: ", "模型在 CPU 上运行：自带的模型很快，大模型会慢。原因：";
    NOTICE_MEASURING_CPU: "Measuring a step on the CPU…", "正在测量 CPU 上的一步……";
    NOTICE_MEASURING_GPU: "Measuring a step on the GPU, whose programs are compiled first…", "正在测量 GPU 上的一步，先编译其程序……";
    NOTICE_LOST: "The GPU was lost. It is being set up again; the answer goes on.", "GPU 连接丢失，正在恢复，回答会继续。";
    NOTICE_RESTORED: "The GPU is back; the answer goes on.", "GPU 已恢复，回答继续。";
    NOTICE_NOT_CACHED: "There is no room to keep this model: it will be fetched again on the next visit.", "空间不足，无法保存此模型：下次访问需重新获取。";
    NOTICE_CORRUPTED: "The kept copy of the model was damaged and is being fetched again.", "保存的模型已损坏，正在重新获取。";
    NOTICE_RESUMED: "An earlier download goes on where it stopped.", "从上次中断处继续下载。";
    NOTICE_RESTARTED: "The download begins again: the file has changed since.", "文件已更改，重新下载。";
    ERROR_NETWORK: "The model could not be fetched. Is the address right, and are you online? Some servers do not let other pages read their files (CORS).", "无法获取模型。请检查网址与网络；有些服务器不允许其他页面读取其文件（CORS）。";
    ERROR_NOT_FOUND: "There is no such file at that address.", "该网址没有这个文件。";
    ERROR_NOT_A_MODEL: "That is not a model this page can read. It takes a GGUF file, or config.json, tokenizer.json and safetensors of a Llama, Qwen2 or Qwen3 model.", "这不是本页能读取的模型。请提供 GGUF 文件，或 Llama、Qwen2、Qwen3 模型的 config.json、tokenizer.json 与 safetensors。";
    ERROR_MEMORY: "There is not enough memory for this. Choose a smaller model or fewer tokens, or close other tabs.", "内存不足。请选择更小的模型或更少的词元，或关闭其他标签页。";
    ERROR_NO_GPU: "There is no GPU this page can use. Choose the CPU, or automatic, in the settings.", "没有可用的 GPU。请在设置中选择 CPU 或自动。";
    ERROR_TOO_LONG: "The question and its answer are longer than this model can hold. Ask a shorter one, or lower the token limit in the settings.", "问题与回答超出模型的长度。请缩短问题，或在设置中降低词元上限。";
    ERROR_OTHER: "That did not work.", "操作没有成功。";
    ERROR_DETAIL: "Technical detail", "技术细节";
    ERROR_PROBLEMS: "The list of problems could not be fetched; you can still type a question.", "无法获取题库；您仍可自己输入问题。";

    // Settings
    TEMPERATURE: "Temperature", "温度";
    TEMPERATURE_HELP: "0 takes the likeliest token every time; 1 is how the model was trained.", "0 每次取最可能的词元；1 与训练时相同。";
    TOP_P: "Top-p", "Top-p";
    TOP_P_HELP: "Only the likeliest tokens that together reach this probability; 1 keeps all.", "只保留累计概率达到此值的词元；1 为全部保留。";
    TOP_K: "Top-k", "Top-k";
    TOP_K_HELP: "Only so many of the likeliest tokens; 0 keeps all.", "只保留最可能的若干词元；0 为全部保留。";
    MAX_TOKENS: "Tokens at most", "词元上限";
    MAX_TOKENS_HELP: "Where a completion is cut, if it does not end before.", "超过此长度的回答会被截断。";
    SEED: "Seed", "随机种子";
    SEED_HELP: "The same seed gives the same tokens, here and in the native program.", "同一种子在此处与本地程序给出相同的词元。";
    NEW_SEED: "New seed for each run", "每次运行换新种子";
    DEVICE: "Device", "设备";
    DEVICE_AUTO: "Automatic", "自动";
    DEVICE_GPU: "GPU (WebGPU)", "GPU（WebGPU）";
    DEVICE_CPU: "CPU", "CPU";
    DEVICE_HELP: "A change loads the model again.", "更改后会重新加载模型。";
    TEMPLATE: "Prompt", "提示模板";
    TEMPLATE_AUTO: "As the model says", "按模型说明";
    TEMPLATE_R1_ZERO: "R1-Zero template", "R1-Zero 模板";
    TEMPLATE_CHAT: "Chat template", "对话模板";
    TEMPLATE_NONE: "Plain text", "纯文本";
    TEMPLATE_HELP: "What is put around your question.", "包在问题外面的文字。";
    DEFAULTS: "Back to the defaults", "恢复默认";

    // Models
    MODELS_INCLUDED: "Two models come with the page: a reasoner that learnt small sums by reinforcement alone, and the base it started from.", "本页自带两个模型：只靠强化学习学会小算术的推理模型，以及它的起点——基座模型。";
    MODELS_OTHER: "Another model", "其他模型";
    MODELS_KINDS: "Llama, Qwen2 or Qwen3: a GGUF file, or the files of a Hugging Face folder (config.json, tokenizer.json, model.safetensors).", "Llama、Qwen2 或 Qwen3：一个 GGUF 文件，或 Hugging Face 文件夹中的 config.json、tokenizer.json、model.safetensors。";
    MODELS_DROP: "Drop files anywhere, or choose them here", "把文件拖到页面任意处，或点此选择";
    MODELS_URL: "Address of a GGUF file, folder/ or manifest", "GGUF 文件、文件夹/ 或清单的网址";
    LOAD: "Load", "加载";
    DROP_HERE: "Drop a model to load it", "松开以加载模型";
    KEPT: "Kept in this browser", "保存在此浏览器中";
    KEPT_NONE: "Nothing yet.", "暂无。";
    KEPT_PART: "{bytes} of {total}, the rest is fetched when it is loaded", "{bytes} / {total}，加载时继续获取";
    DELETE: "Delete", "删除";
    DELETE_ALL: "Delete all", "全部删除";

    // Learn
    LEARN_LEDE: "A base model that mostly answers wrongly learns to reason in this tab, from nothing but right or wrong, by the GRPO code that trains natively.", "一个大多答错的基座模型，仅凭对与错的信号，在本标签页内学会推理；所用正是本地训练的 GRPO 代码。";
    LEARN_HOW: "What will happen", "过程";
    LEARN_STEP_1: "A few megabytes are fetched: the training program and a nano base of under half a million parameters.", "获取数 MB：训练程序，以及不足五十万参数的微型基座模型。";
    LEARN_STEP_2: "One measured step each on GPU and CPU decides where it learns.", "在 GPU 与 CPU 上各实测一步，决定在哪里学习。";
    LEARN_STEP_3: "Each step samples groups of completions to new problems, scores them, and makes the better ones likelier. No example solution is ever shown.", "每一步都为新题采样成组的回答，打分，并让较好的更可能出现。从不展示任何解题示例。";
    LEARN_STEP_4: "Its accuracy on unseen problems is measured before and whenever you pause. A few minutes change it plainly.", "开始前与每次暂停时，测量它在未见过的题目上的准确率。几分钟就有明显变化。";
    LEARN_RUN: "Training", "训练";
    LEARN_LOAD: "Load and start", "加载并开始";
    START: "Start", "开始";
    PAUSE: "Pause", "暂停";
    RESET: "Reset", "重来";
    EXPORT: "Download weights", "下载权重";
    LEARN_LOADING: "Fetching the training program and the nano base, measuring the devices…", "正在获取训练程序与微型基座，并测试设备…";
    LEARN_EVALUATING: "Measuring {which} on {problems} unseen problems…", "正在用 {problems} 道未见题测试{which}…";
    LEARN_WHICH_BASE: "the base", "基座模型";
    LEARN_WHICH_NOW: "what it has become", "当前模型";
    LEARN_READY: "Ready: {questions} questions of {group} completions a step, at most {tokens} tokens each.", "就绪：每步 {questions} 题，每题 {group} 个回答，每个至多 {tokens} 个词元。";
    LEARN_RUNNING: "Step {step} · {seconds} s a step · learning for {elapsed}", "第 {step} 步 · 每步 {seconds} 秒 · 已学习 {elapsed}";
    LEARN_FIRST_STEP: "The first step is under way…", "第一步进行中…";
    LEARN_PAUSING: "Pausing after this step…", "本步结束后暂停…";
    LEARN_PAUSED: "Paused after {step} steps.", "已在 {step} 步后暂停。";
    LEARN_COMPARING: "Both answer an unseen problem…", "两者正在回答一道未见题…";
    LEARN_DEVICE: "{parameters} parameters on {name}: {reason}", "{parameters} 个参数，运行于 {name}：{reason}";
    ALARM_NOT_FINITE: "The step’s numbers are not finite, so it was left out. If that goes on, begin again.", "这一步的数值不是有限数，已略过。若持续如此，请重来。";
    ALARM_COLLAPSED: "The policy has collapsed: its answers are alike and wrong while the format is kept. Begin again with the base.", "策略已坍缩：回答彼此雷同且错误，只是格式正确。请从基座重来。";
    ALARM_NO_VARIANCE: "No group has any variance in its rewards, so there was nothing to learn.", "各组内奖励都相同，这一步没有可学的。";
    CURVES: "While it learns", "学习曲线";
    CURVES_NOTE: "Thin: each step. Strong: mean of the last five. Dashed: the base, measured.", "细线：每一步。粗线：最近五步的均值。虚线：基座的实测值。";
    CHART_LABEL: "{title}: {first} at step {start}, {last} at step {end}", "{title}：第 {start} 步 {first}，第 {end} 步 {last}";
    CHART_REWARD: "mean, 0 to 2", "均值，0 到 2";
    CHART_SHARE: "share of completions", "占回答的比例";
    CHART_LENGTH: "tokens a completion", "每个回答的词元数";
    CHART_STEP: "step", "步";
    LENGTH: "Length", "长度";
    BEFORE_NOW: "Before and now", "前后对比";
    NOW: "Now", "现在";
    EVALUATION_NOTE: "On {problems} problems of the test split, never trained on, at temperature 1. “Now” is after step {step}.", "测试集 {problems} 道题，从未用于训练，温度为 1。“现在”指第 {step} 步之后。";
    EVALUATION_BASE_NOTE: "On {problems} problems of the test split, never trained on, at temperature 1.", "测试集 {problems} 道题，从未用于训练，温度为 1。";
    EVALUATION_NONE: "Not measured yet.", "尚未测量。";
    ANNOUNCE_MEASURED: "Accuracy {accuracy} on {problems} unseen problems.", "在 {problems} 道未见题上准确率 {accuracy}。";
    EVALUATE: "Measure now", "现在测量";
    COMPARE: "Ask both an unseen problem", "让两者回答一道未见题";
    GOLD_IS: "gold {gold}", "标准答案 {gold}";
    HOLD: "Hold this group", "停在这一组";
    GROUP_NOTE: "Step {step} · gold {gold} · {correct} of {count} correct · mean reward {mean}", "第 {step} 步 · 标准答案 {gold} · {count} 个中 {correct} 个正确 · 平均奖励 {mean}";

    // About
    ABOUT_LEDE: "Small language models that reason, and the rules that taught them, in one page without a server.", "会推理的小语言模型，与教会它们的规则，同在一个没有服务器的页面里。";
    ABOUT_WHAT: "What this is", "这是什么";
    ABOUT_WHAT_1: "Thinkling trains small language models to reason by reinforcement learning with rule rewards, as the DeepSeek-R1 report describes it. It is one Rust workspace; this page is a part of it.", "Thinkling 按 DeepSeek-R1 报告的方法，用基于规则奖励的强化学习训练会推理的小语言模型。它是一个 Rust 工程，本页是其中一部分。";
    ABOUT_WHAT_2: "“Ask” lets a trained model think and checks its answer by the very reward that trained it. “Learn” lets a smaller base learn while you watch, by the code that trains natively.", "“提问”让训练后的模型思考，并用训练它的同一奖励检查答案。“学习”让更小的基座在您眼前学习，用的正是本地训练的代码。";
    ABOUT_WHAT_3: "The live meter counts from token ids, on the device that draws them. It shows and does not judge: the reward is decided by the rules over the text.", "实时计量由词元编号计数，在生成它们的设备上完成。它只展示，不评判：奖励由针对文本的规则决定。";
    ABOUT_WHERE: "What runs where", "在哪里运行";
    ABOUT_WHERE_MODEL: "Models", "模型";
    ABOUT_WHERE_MODEL_IS: "In a worker of their own, on your GPU by WebGPU shaders written for this, or on the CPU in WebAssembly. Before a GPU is used, one layer of the model is computed on both and compared.", "在各自的工作线程中运行：用专门编写的 WebGPU 着色器在您的 GPU 上，或用 WebAssembly 在 CPU 上。使用 GPU 之前，先在两边各算模型的一层并比对。";
    ABOUT_WHERE_REWARD: "Rewards", "奖励";
    ABOUT_WHERE_REWARD_IS: "In the same worker: the Rust code of training, compiled to WebAssembly.", "在同一工作线程中：训练所用的 Rust 代码，编译为 WebAssembly。";
    ABOUT_WHERE_LEARN: "Learning", "学习";
    ABOUT_WHERE_LEARN_IS: "In another worker, on the device whose measured step is faster. Its program is fetched when you start it.", "在另一工作线程中，运行于实测更快的设备。其程序在您点开始时才获取。";
    ABOUT_PRIVATE: "What leaves this machine", "哪些会离开本机";
    ABOUT_PRIVATE_1: "Nothing. What you ask, and what the models say, stays here. There is no server part, no counting of visitors, no cookie.", "没有。您的问题与模型的回答都留在这里。没有服务器程序，不统计访客，没有 Cookie。";
    ABOUT_PRIVATE_2: "The page is allowed to talk to its own host only. If you type an address under “Models”, the worker fetches the model from there, and sends nothing but that request.", "本页只允许访问自己的主机。若您在“模型”中填写网址，工作线程会从那里获取模型，除此请求外不发送任何内容。";
    ABOUT_PRIVATE_3: "Models are kept in this browser’s private storage, settings in its local storage; “Models” shows and deletes what is kept.", "模型保存在浏览器的私有存储中，设置保存在本地存储中；“模型”里可查看并删除。";
    ABOUT_MADE: "How the models were made", "模型如何得来";
    ABOUT_MADE_BASE: "Base", "基座";
    ABOUT_MADE_BASE_IS: "571,392 parameters, trained on text that a program writes in English and Chinese: small sums, guesses, a third of them wrong, worked steps with slips. It has read nothing else, and answers one problem in five.", "571,392 个参数，训练文本由程序用中英文写成：小算术、猜测（三分之一是错的）、带笔误的步骤。它没有读过别的，五道题答对一道。";
    ABOUT_MADE_TRAINED: "Trained", "训练后";
    ABOUT_MADE_TRAINED_IS: "The base after half a minute of reinforcement learning on two CPU cores: groups of 16 answers, rewarded for the right number and for the format, no example shown. It answers close to nine in ten.", "基座在两个 CPU 核心上强化学习半分钟而成：每题 16 个回答，答对与格式正确得奖励，不展示任何示例。十道题接近答对九道。";
    ABOUT_MADE_NANO: "Nano base", "微型基座";
    ABOUT_MADE_NANO_IS: "Under half a million parameters, made alike: what learns on the other tab.", "不足五十万参数，做法相同：在“学习”页里学习的就是它。";
    ABOUT_LICENCE: "Licences", "许可";
    ABOUT_LICENCE_IS: "Code, models and problems are under the MIT licence or the Apache License 2.0, as you choose.", "代码、模型与题目采用 MIT 许可或 Apache License 2.0，任您选择。";
    ABOUT_READ: "Read on", "延伸阅读";
    ABOUT_READ_WEB: "How the page works, how fast it is, how it is tested", "本页如何工作、有多快、如何测试";
    ABOUT_READ_REWARDS: "What the rewards accept and refuse", "奖励接受什么、拒绝什么";
    ABOUT_READ_MODELS: "The commands that made the models", "制作模型的命令";
    ABOUT_READ_NOTE: "Plain text files beside this page, in English.", "与本页同处的纯文本文件，英文。";

    // Reasons of the reward, by their words in thinkling-reward
    REASON_CUT: "cut at the token limit", "达到词元上限被截断";
    REASON_NO_BLOCK: "no answer block", "没有 <answer> 块";
    REASON_BLOCKS: "several answer blocks", "有多个 <answer> 块";
    REASON_NO_NUMBER: "no number", "没有数字";
    REASON_NUMBERS: "several numbers", "有多个数字";
    REASON_NOT_PLAIN: "not a plain number", "不是单纯的数字";
    REASON_NO_EXPRESSION: "no expression", "没有算式";
    REASON_BAD_EXPRESSION: "not an expression", "不是算式";
    REASON_TOO_LARGE: "too large", "过大";
    REASON_NO_ANSWER: "no answer", "没有答案";
    REASON_NO_BOX: "no box", "没有 \\boxed{}";
    REASON_BAD_BOX: "malformed box", "\\boxed{} 不完整";
    REASON_ANSWERS: "several answers", "有多个答案";
    REASON_NOT_ANSWER: "not an answer", "不是答案";
    REASON_NOT_ASSERTED: "not asserted", "没有作出断言";
    REASON_HIDDEN: "hidden text", "含隐藏文字";
    REASON_OTHER_VALUE: "another value than the gold", "与标准答案不同";
}

/// The reasons that the reward gives, as [`reason`] looks them up.
const REASONS: &[Text] = &[
    REASON_CUT,
    REASON_NO_BLOCK,
    REASON_BLOCKS,
    REASON_NO_NUMBER,
    REASON_NUMBERS,
    REASON_NOT_PLAIN,
    REASON_NO_EXPRESSION,
    REASON_BAD_EXPRESSION,
    REASON_TOO_LARGE,
    REASON_NO_ANSWER,
    REASON_NO_BOX,
    REASON_BAD_BOX,
    REASON_ANSWERS,
    REASON_NOT_ANSWER,
    REASON_NOT_ASSERTED,
    REASON_HIDDEN,
    REASON_OTHER_VALUE,
];

/// A reason of the reward in the page's language; as it is where the table lacks it.
pub(crate) fn reason(english: &str, language: Language) -> String {
    let words = english.replace('_', " ");
    match REASONS.iter().find(|text| text.english == words) {
        Some(text) => text.fill::<&str>(language, &[]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_no_text_that_is_not_in_the_table() {
        let page = include_str!("../index.html");
        let mut seen = 0;
        for attribute in ["data-t=\"", "data-t-label=\"", "data-t-placeholder=\""] {
            for rest in page.split(attribute).skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                assert!(by_name(name).is_some(), "not in the table: {name}");
                seen += 1;
            }
        }
        assert!(seen > 80, "read {seen} names");
    }

    #[test]
    fn both_languages_have_the_same_places() {
        let places = |text: &str| {
            let mut places: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}').map(|(place, _)| place.to_owned()))
                .filter(|place| !place.is_empty())
                .collect();
            places.sort();
            places
        };
        for text in ALL {
            assert_eq!(places(text.english), places(text.chinese), "{}", text.name);
        }
    }

    #[test]
    fn a_browser_language_is_read_from_its_tag() {
        for (tag, language) in [
            ("zh-Hans-CN", Language::Chinese),
            ("ZH", Language::Chinese),
            ("de", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
    }

    #[test]
    fn reasons_of_the_reward_are_translated_and_unknown_ones_kept() {
        assert_eq!(reason("no_answer_block", Language::Chinese), "没有 <answer> 块");
        assert_eq!(reason("of another kind", Language::Chinese), "of another kind");
    }
}
