"""The topics that a new installation offers, and the rules that they had in earlier versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.text import slugify


@dataclass(frozen=True, slots=True)
class DefaultTopic:
    """A topic and its rule: arXiv categories or archives, and keywords. ``aliases`` are other names people look for."""

    name: str
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        return slugify(self.name)


def _topic(name: str, categories: str, keywords: str, aliases: str) -> DefaultTopic:
    """Return a topic from lists as they are easiest to read: categories apart by spaces, the others by commas."""
    return DefaultTopic(name, tuple(categories.split()), phrases_in(keywords), phrases_in(aliases))


def phrases_in(text: str) -> tuple[str, ...]:
    """Return the phrases of a text that separates them by commas."""
    return tuple(phrase.strip() for phrase in text.split(",") if phrase.strip())


# by group, in the order in which they are offered
TOPICS: Mapping[str, tuple[DefaultTopic, ...]] = {
    "Computing and learning": (
        _topic(
            "Machine learning",
            "cs.LG stat.ML cs.NE",
            "deep learning, deep neural network, representation learning, contrastive learning, contrastive "
            "loss, self-supervised learning, federated learning, continual learning, meta-learning, "
            "stochastic gradient descent, generative modeling, flow matching, scaling law",
            "deep learning, neural networks, ML, representation learning, generative models",
        ),
        _topic(
            "Language",
            "cs.CL",
            "large language model, language model, language modeling, llm, vlm, vision-language, natural "
            "language processing, machine translation, question answering, text generation, text embedding, "
            "chain-of-thought, reasoning model",
            "NLP, natural language processing, computational linguistics, LLM, LLMs, large language models, "
            "language models, text",
        ),
        _topic(
            "Vision",
            "cs.CV eess.IV",
            "computer vision, image generation, text-to-image, image editing, image synthesis, image "
            "restoration, image classification, image segmentation, semantic segmentation, object detection, "
            "super-resolution, inpainting, video generation, video, text-to-3d, visual generation, visual "
            "perception, vision-language, visual understanding, visual reasoning, visual question answering, "
            "multimodal large language model, multimodal model, mllm, vlm, vision foundation model, diffusion "
            "transformer, depth estimation, 3d generation, 3d reconstruction, 3d scene, 3d human, gaussian "
            "splatting, novel view, point cloud, optical flow, egocentric, talking head, avatar, image "
            "customization, subject-driven",
            "computer vision, CV, image processing, image generation, video generation, images",
        ),
        _topic(
            "Speech and sound",
            "cs.SD eess.AS",
            "speech recognition, speech synthesis, text-to-speech, spoken language, spoken dialogue, audio, "
            "music, acoustic",
            "speech, audio, music, ASR, speech recognition, sound",
        ),
        _topic(
            "Reinforcement learning",
            "",
            "reinforcement learning, policy gradient, policy iteration, policy optimization, q-learning, "
            "offline rl, rlvr, grpo, bandit, markov decision process",
            "RL, bandits, deep reinforcement learning",
        ),
        _topic(
            "Agents and planning",
            "cs.MA",
            "autonomous agent, language agent, llm agent, ai agent, gui agent, web agent, search agent, "
            "agentic, multi-agent, tool use, tool learning, task planning, automated planning, heuristic "
            "search, knowledge representation, constraint satisfaction, artificial general intelligence",
            "AI, artificial intelligence, agents, LLM agents, multi-agent systems, planning",
        ),
        _topic(
            "Graphs and networks",
            "cs.SI physics.soc-ph",
            "graph neural network, knowledge graph, community detection, social network, complex network, "
            "influence maximization, link prediction, node classification",
            "graph neural networks, GNN, GNNs, knowledge graphs, social networks, network science, graphs",
        ),
        _topic(
            "Search and recommendation",
            "cs.IR",
            "information retrieval, recommender system, recommendation system, collaborative filtering, dense "
            "retrieval, text embedding, reranking, reranker, retrieval-augmented generation, rag, search "
            "engine, image-text retrieval",
            "information retrieval, IR, recommender systems, recommendation, RAG, retrieval",
        ),
        _topic(
            "Safety and fairness",
            "cs.CY",
            "ai safety, ai alignment, safety alignment, value alignment, preference alignment, alignment of "
            "large language model, alignment of llm, jailbreak, jailbreaking, red-teaming, harmful content, "
            "harmful response, harmful fine-tuning, guardrail, toxicity, unlearning, social bias, fairness, "
            "trustworthy ai, responsible ai",
            "AI safety, safety, alignment, fairness, interpretability, ethics, responsible AI",
        ),
        _topic(
            "Robotics",
            "cs.RO",
            "robot, robotic, humanoid, grasping, vision-language-action, embodied ai, embodied agent, legged "
            "locomotion, autonomous driving, quadrotor",
            "robots, robot learning, embodied AI",
        ),
        _topic(
            "People and computers",
            "cs.HC",
            "human-computer interaction, human-ai interaction, user interface, user experience, usability, "
            "visual analytics, data visualization, assistive technology, crowdsourcing",
            "HCI, human-computer interaction, user interfaces, accessibility",
        ),
    ),
    "Systems and theory": (
        _topic(
            "Systems",
            "cs.DC cs.OS cs.AR cs.PF",
            "distributed system, distributed computing, distributed algorithm, consensus protocol, load "
            "balancing, operating system, cloud computing, high-performance computing, gpu kernel, inference "
            "serving, fpga, hardware accelerator",
            "distributed systems, operating systems, computer architecture, hardware, HPC, high-performance computing",
        ),
        _topic(
            "Databases",
            "cs.DB",
            "query optimization, query processing, data lake, text-to-sql, relational database, database "
            "system, transaction processing",
            "database, data management, SQL",
        ),
        _topic(
            "Networks",
            "cs.NI",
            "congestion control, wireless network, cellular network, sensor network, mobile network, random "
            "access, medium access, multiple access, routing protocol, internet of things, software-defined "
            "network, network traffic",
            "networking, computer networks, wireless, internet",
        ),
        _topic(
            "Security",
            "cs.CR",
            "malware, side channel, zero-knowledge, cryptography, cryptographic, cryptosystem, encryption, "
            "intrusion detection, backdoor attack, adversarial attack, jailbreak attack, membership "
            "inference, differential privacy, privacy-preserving, cybersecurity",
            "cryptography, crypto, cybersecurity, computer security, privacy",
        ),
        _topic(
            "Software and languages",
            "cs.SE cs.PL",
            "program synthesis, program repair, static analysis, type system, software engineering, software "
            "development, software testing, code generation, compiler",
            "software engineering, programming languages, software, compilers, code generation",
        ),
        _topic(
            "Algorithms and complexity",
            "cs.DS cs.CC cs.CG cs.SC",
            "approximation algorithm, computational complexity, data structure, np-hard, np-complete, "
            "polynomial-time algorithm",
            "theory, theoretical computer science, algorithms, data structures, computational complexity, "
            "computational geometry",
        ),
        _topic(
            "Logic and verification",
            "cs.LO cs.FL math.LO",
            "theorem prover, theorem proving, model checking, formal verification, temporal logic, "
            "satisfiability modulo theories, proof assistant",
            "formal methods, formal verification, theorem proving, automata, logic",
        ),
        _topic(
            "Games and mechanisms",
            "cs.GT econ.TH",
            "game theory, game-theoretic, mechanism design, auction, nash equilibrium, social choice, stackelberg",
            "game theory, mechanism design, auctions",
        ),
        _topic(
            "Signals and information",
            "eess.SP cs.IT math.IT",
            "channel coding, channel capacity, channel estimation, compressed sensing, beamforming, mimo, "
            "signal processing",
            "information theory, signal processing, communications",
        ),
        _topic(
            "Control",
            "eess.SY cs.SY math.OC",
            "model predictive control, optimal control, adaptive control, feedback control, nonlinear "
            "control, model order reduction",
            "control theory, optimization, optimal control",
        ),
    ),
    "Mathematics and statistics": (
        _topic(
            "Algebra and geometry",
            "math.AG math.RT math.RA math.AC math.DG math.AT math.GT math.QA math.GR math.KT math.MG math.SG",
            "",
            "algebra, geometry, topology, algebraic geometry",
        ),
        _topic(
            "Number theory",
            "math.NT",
            "prime number, elliptic curve, modular form, diophantine",
            "numbers, arithmetic geometry",
        ),
        _topic(
            "Combinatorics",
            "math.CO cs.DM",
            "graph coloring, extremal graph, extremal combinatorics, additive combinatorics",
            "graph theory, discrete mathematics",
        ),
        _topic(
            "Analysis and equations",
            "math.AP math.CA math.FA math.DS math.SP math.CV math.OA",
            "partial differential",
            "PDE, PDEs, partial differential equations, mathematical analysis, dynamical systems",
        ),
        _topic(
            "Probability",
            "math.PR",
            "random walk, percolation, random matrix, brownian motion, stochastic differential equation",
            "probability theory, stochastic processes",
        ),
        _topic(
            "Numerical methods",
            "math.NA cs.NA",
            "finite element, preconditioner, iterative solver, numerical linear algebra, matrix factorization",
            "numerical analysis, scientific computing",
        ),
        _topic(
            "Statistics",
            "stat.ME stat.TH math.ST stat.AP stat.CO",
            "causal inference, bayesian inference, hypothesis testing, sparse regression",
            "stats, causal inference, Bayesian statistics",
        ),
    ),
    "Physics and astronomy": (
        _topic(
            "High-energy physics",
            "hep-th hep-ph hep-ex hep-lat nucl-th nucl-ex",
            "collider, string theory, quantum chromodynamics",
            "particle physics, HEP, string theory",
        ),
        _topic(
            "Quantum science",
            "quant-ph",
            "qubit, entanglement, quantum error correction, quantum computing, quantum algorithm",
            "quantum computing, quantum information, quantum physics, quantum",
        ),
        _topic(
            "Condensed matter",
            "cond-mat",
            "superconductivity, topological insulator",
            "materials science, materials, solid-state physics, superconductivity",
        ),
        _topic(
            "Gravity and cosmology",
            "gr-qc astro-ph.CO",
            "black hole, gravitational wave, dark matter, dark energy",
            "cosmology, gravity, general relativity, black holes, gravitational waves, dark matter",
        ),
        _topic(
            "Stars and planets",
            "astro-ph.SR astro-ph.EP",
            "exoplanet, variable star, stellar evolution",
            "exoplanets, stars, planets",
        ),
        _topic(
            "Galaxies and instruments",
            "astro-ph.GA astro-ph.HE astro-ph.IM",
            "galaxy, telescope",
            "astronomy, astrophysics, galaxies, telescopes",
        ),
        _topic(
            "Fluids, light and matter",
            "physics.flu-dyn physics.optics physics.plasm-ph physics.app-ph physics.atom-ph physics.atm-clus "
            "physics.chem-ph physics.acc-ph physics.class-ph physics.comp-ph physics.ins-det physics.gen-ph "
            "physics.space-ph physics.bio-ph physics.med-ph physics.hist-ph physics.ed-ph physics.pop-ph nlin",
            "turbulence, photonics, plasma",
            "physics, optics, fluid dynamics, photonics, plasma physics",
        ),
    ),
    "Life, economy, society": (
        _topic(
            "Neuroscience",
            "q-bio.NC neuroscience",
            "cortical, cortex, hippocampus, spiking neuron, neuroimaging, fmri, eeg, neural decoding, "
            "brain-computer interface",
            "brain, neuro",
        ),
        _topic(
            "Quantitative biology",
            "q-bio bioinformatics genomics genetics biochemistry biophysics microbiology immunology ecology",
            "protein, genome, genomics, single-cell, microbiome, transcriptomics, drug discovery",
            "biology, bioinformatics, computational biology, genomics, proteins",
        ),
        _topic(
            "Medicine and health",
            "",
            "medical, biomedical, clinical, patient, healthcare, epidemic, cancer, radiology",
            "medicine, health, medical imaging, epidemiology, public health",
        ),
        _topic(
            "Climate and earth",
            "physics.ao-ph physics.geo-ph",
            "climate, weather forecasting, precipitation, earthquake, remote sensing",
            "climate, climate change, earth science, geophysics, weather",
        ),
        _topic(
            "Economics",
            "econ",
            "labor market, monetary policy",
            "econ, econometrics",
        ),
        _topic(
            "Finance",
            "q-fin",
            "portfolio, option pricing, stock market, financial market",
            "quantitative finance, trading",
        ),
    ),
}

# What topics looked for in earlier versions: one that still has such a rule was not changed by a curator.
FORMER: Mapping[str, tuple[tuple[str, str], ...]] = {
    "machine-learning": (("cs.LG stat.ML cs.NE", ""),),
    "language": (("cs.CL", "large language model, language model, machine translation"),),
    "vision": (("cs.CV eess.IV", "image generation, object detection"),),
    "speech-and-sound": (("cs.SD eess.AS", "speech recognition, speech synthesis"),),
    "reinforcement-learning": (("", "reinforcement learning, policy gradient, offline rl, bandit"),),
    "agents-and-planning": (("cs.AI cs.MA", "autonomous agent, tool use, multi-agent"),),
    "graphs-and-networks": (("cs.SI", "graph neural network, knowledge graph, community detection"),),
    "search-and-recommendation": (("cs.IR", "recommender system, dense retrieval"),),
    "safety-and-fairness": (("cs.CY", "alignment, interpretability, fairness, privacy"),),
    "robotics": (("cs.RO", "robot, manipulation, grasping"),),
    "people-and-computers": (("cs.HC", "user study, visualization, accessibility"),),
    "systems": (("cs.DC cs.OS cs.AR cs.PF", "distributed system, scheduling"),),
    "databases": (("cs.DB", "query optimization, data lake"),),
    "networks": (("cs.NI", "congestion control, wireless"),),
    "security": (("cs.CR", "malware, side channel, zero-knowledge"),),
    "software-and-languages": (("cs.SE cs.PL", "program synthesis, static analysis, type system"),),
    "algorithms-and-complexity": (("cs.DS cs.CC cs.CG cs.DM", "approximation algorithm"),),
    "logic-and-verification": (("cs.LO cs.FL math.LO", "theorem prover, model checking"),),
    "games-and-mechanisms": (("cs.GT econ.TH", "mechanism design, auction, nash equilibrium"),),
    "signals-and-information": (("eess.SP cs.IT math.IT", "channel coding, compressed sensing"),),
    "control": (("eess.SY cs.SY math.OC", "model predictive control, optimal control"),),
    "algebra-and-geometry": (("math.AG math.RT math.RA math.AC math.DG math.AT math.GT", ""),),
    "number-theory": (("math.NT", "prime, elliptic curve, modular form"),),
    "combinatorics": (("math.CO", "graph coloring, extremal"),),
    "analysis-and-equations": (("math.AP math.CA math.FA math.DS math.SP", "partial differential"),),
    "probability": (("math.PR", "random walk, percolation, random matrix"),),
    "numerical-methods": (("math.NA cs.NA", "finite element, preconditioner"),),
    "statistics": (("stat.ME stat.TH math.ST stat.AP stat.CO", "causal inference, bayesian"),),
    "high-energy-physics": (("hep-th hep-ph hep-ex hep-lat", "collider, string theory"),),
    "quantum-science": (("quant-ph", "qubit, entanglement, quantum error correction"),),
    "gravity-and-cosmology": (("gr-qc astro-ph.CO", "black hole, gravitational wave, dark matter"),),
    "stars-and-planets": (("astro-ph.SR astro-ph.EP", "exoplanet, transit"),),
    "fluids-light-and-matter": (("physics", "turbulence, photonics, plasma"),),
    "neuroscience": (("q-bio.NC", "neuron, cortex, hippocampus, spiking"),),
    "quantitative-biology": (("q-bio", "protein, genomics, single-cell, microbiome"),),
    "medicine-and-health": (("", "clinical, patient, epidemic, medical imaging"),),
    "climate-and-earth": (("physics.ao-ph physics.geo-ph", "climate, precipitation, earthquake"),),
    "economics": (("econ", "labor market, monetary policy, causal effect"),),
    "finance": (("q-fin", "portfolio, option pricing, volatility"),),
}
