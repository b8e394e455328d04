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


# by group, in the order in which they are offered
TOPICS: Mapping[str, tuple[DefaultTopic, ...]] = {
    "Computing and learning": (
        DefaultTopic(
            "Machine learning",
            ("cs.LG", "stat.ML", "cs.NE"),
            (),
            ("deep learning", "neural networks", "ML", "representation learning", "generative models"),
        ),
        DefaultTopic(
            "Language",
            ("cs.CL",),
            ("large language model", "language model", "machine translation"),
            (
                "NLP",
                "natural language processing",
                "computational linguistics",
                "LLM",
                "LLMs",
                "large language models",
                "language models",
                "text",
            ),
        ),
        DefaultTopic(
            "Vision",
            ("cs.CV", "eess.IV"),
            ("image generation", "object detection"),
            ("computer vision", "CV", "image processing", "image generation", "video generation", "images"),
        ),
        DefaultTopic(
            "Speech and sound",
            ("cs.SD", "eess.AS"),
            ("speech recognition", "speech synthesis"),
            ("speech", "audio", "music", "ASR", "speech recognition", "sound"),
        ),
        DefaultTopic(
            "Reinforcement learning",
            (),
            ("reinforcement learning", "policy gradient", "offline rl", "bandit"),
            ("RL", "bandits", "deep reinforcement learning"),
        ),
        DefaultTopic(
            "Agents and planning",
            ("cs.AI", "cs.MA"),
            ("autonomous agent", "tool use", "multi-agent"),
            ("AI", "artificial intelligence", "agents", "LLM agents", "multi-agent systems", "planning"),
        ),
        DefaultTopic(
            "Graphs and networks",
            ("cs.SI",),
            ("graph neural network", "knowledge graph", "community detection"),
            (
                "graph neural networks",
                "GNN",
                "GNNs",
                "knowledge graphs",
                "social networks",
                "network science",
                "graphs",
            ),
        ),
        DefaultTopic(
            "Search and recommendation",
            ("cs.IR",),
            ("recommender system", "dense retrieval"),
            ("information retrieval", "IR", "recommender systems", "recommendation", "RAG", "retrieval"),
        ),
        DefaultTopic(
            "Safety and fairness",
            ("cs.CY",),
            ("alignment", "interpretability", "fairness", "privacy"),
            ("AI safety", "safety", "alignment", "fairness", "interpretability", "ethics", "responsible AI"),
        ),
        DefaultTopic(
            "Robotics",
            ("cs.RO",),
            ("robot", "manipulation", "grasping"),
            ("robots", "robot learning", "embodied AI"),
        ),
        DefaultTopic(
            "People and computers",
            ("cs.HC",),
            ("user study", "visualization", "accessibility"),
            ("HCI", "human-computer interaction", "user interfaces", "accessibility"),
        ),
    ),
    "Systems and theory": (
        DefaultTopic(
            "Systems",
            ("cs.DC", "cs.OS", "cs.AR", "cs.PF"),
            ("distributed system", "scheduling"),
            (
                "distributed systems",
                "operating systems",
                "computer architecture",
                "hardware",
                "HPC",
                "high-performance computing",
            ),
        ),
        DefaultTopic(
            "Databases",
            ("cs.DB",),
            ("query optimization", "data lake"),
            ("database", "data management", "SQL"),
        ),
        DefaultTopic(
            "Networks",
            ("cs.NI",),
            ("congestion control", "wireless"),
            ("networking", "computer networks", "wireless", "internet"),
        ),
        DefaultTopic(
            "Security",
            ("cs.CR",),
            ("malware", "side channel", "zero-knowledge"),
            ("cryptography", "crypto", "cybersecurity", "computer security", "privacy"),
        ),
        DefaultTopic(
            "Software and languages",
            ("cs.SE", "cs.PL"),
            ("program synthesis", "static analysis", "type system"),
            ("software engineering", "programming languages", "software", "compilers", "code generation"),
        ),
        DefaultTopic(
            "Algorithms and complexity",
            ("cs.DS", "cs.CC", "cs.CG", "cs.DM"),
            ("approximation algorithm",),
            (
                "theory",
                "theoretical computer science",
                "algorithms",
                "data structures",
                "computational complexity",
                "computational geometry",
            ),
        ),
        DefaultTopic(
            "Logic and verification",
            ("cs.LO", "cs.FL", "math.LO"),
            ("theorem prover", "model checking"),
            ("formal methods", "formal verification", "theorem proving", "automata", "logic"),
        ),
        DefaultTopic(
            "Games and mechanisms",
            ("cs.GT", "econ.TH"),
            ("mechanism design", "auction", "nash equilibrium"),
            ("game theory", "mechanism design", "auctions"),
        ),
        DefaultTopic(
            "Signals and information",
            ("eess.SP", "cs.IT", "math.IT"),
            ("channel coding", "compressed sensing"),
            ("information theory", "signal processing", "communications"),
        ),
        DefaultTopic(
            "Control",
            ("eess.SY", "cs.SY", "math.OC"),
            ("model predictive control", "optimal control"),
            ("control theory", "optimization", "optimal control"),
        ),
    ),
    "Mathematics and statistics": (
        DefaultTopic(
            "Algebra and geometry",
            ("math.AG", "math.RT", "math.RA", "math.AC", "math.DG", "math.AT", "math.GT"),
            (),
            ("algebra", "geometry", "topology", "algebraic geometry"),
        ),
        DefaultTopic(
            "Number theory",
            ("math.NT",),
            ("prime", "elliptic curve", "modular form"),
            ("numbers", "arithmetic geometry"),
        ),
        DefaultTopic(
            "Combinatorics",
            ("math.CO",),
            ("graph coloring", "extremal"),
            ("graph theory", "discrete mathematics"),
        ),
        DefaultTopic(
            "Analysis and equations",
            ("math.AP", "math.CA", "math.FA", "math.DS", "math.SP"),
            ("partial differential",),
            ("PDE", "PDEs", "partial differential equations", "mathematical analysis", "dynamical systems"),
        ),
        DefaultTopic(
            "Probability",
            ("math.PR",),
            ("random walk", "percolation", "random matrix"),
            ("probability theory", "stochastic processes"),
        ),
        DefaultTopic(
            "Numerical methods",
            ("math.NA", "cs.NA"),
            ("finite element", "preconditioner"),
            ("numerical analysis", "scientific computing"),
        ),
        DefaultTopic(
            "Statistics",
            ("stat.ME", "stat.TH", "math.ST", "stat.AP", "stat.CO"),
            ("causal inference", "bayesian"),
            ("stats", "causal inference", "Bayesian statistics"),
        ),
    ),
    "Physics and astronomy": (
        DefaultTopic(
            "High-energy physics",
            ("hep-th", "hep-ph", "hep-ex", "hep-lat"),
            ("collider", "string theory"),
            ("particle physics", "HEP", "string theory"),
        ),
        DefaultTopic(
            "Quantum science",
            ("quant-ph",),
            ("qubit", "entanglement", "quantum error correction"),
            ("quantum computing", "quantum information", "quantum physics", "quantum"),
        ),
        DefaultTopic(
            "Condensed matter",
            ("cond-mat",),
            ("superconductivity", "topological insulator"),
            ("materials science", "materials", "solid-state physics", "superconductivity"),
        ),
        DefaultTopic(
            "Gravity and cosmology",
            ("gr-qc", "astro-ph.CO"),
            ("black hole", "gravitational wave", "dark matter"),
            ("cosmology", "gravity", "general relativity", "black holes", "gravitational waves", "dark matter"),
        ),
        DefaultTopic(
            "Stars and planets",
            ("astro-ph.SR", "astro-ph.EP"),
            ("exoplanet", "transit"),
            ("exoplanets", "stars", "planets"),
        ),
        DefaultTopic(
            "Galaxies and instruments",
            ("astro-ph.GA", "astro-ph.HE", "astro-ph.IM"),
            ("galaxy", "telescope"),
            ("astronomy", "astrophysics", "galaxies", "telescopes"),
        ),
        DefaultTopic(
            "Fluids, light and matter",
            ("physics",),
            ("turbulence", "photonics", "plasma"),
            ("physics", "optics", "fluid dynamics", "photonics", "plasma physics"),
        ),
    ),
    "Life, economy, society": (
        DefaultTopic(
            "Neuroscience",
            ("q-bio.NC",),
            ("neuron", "cortex", "hippocampus", "spiking"),
            ("brain", "neuro"),
        ),
        DefaultTopic(
            "Quantitative biology",
            ("q-bio",),
            ("protein", "genomics", "single-cell", "microbiome"),
            ("biology", "bioinformatics", "computational biology", "genomics", "proteins"),
        ),
        DefaultTopic(
            "Medicine and health",
            (),
            ("clinical", "patient", "epidemic", "medical imaging"),
            ("medicine", "health", "medical imaging", "epidemiology", "public health"),
        ),
        DefaultTopic(
            "Climate and earth",
            ("physics.ao-ph", "physics.geo-ph"),
            ("climate", "precipitation", "earthquake"),
            ("climate", "climate change", "earth science", "geophysics", "weather"),
        ),
        DefaultTopic(
            "Economics",
            ("econ",),
            ("labor market", "monetary policy", "causal effect"),
            ("econ", "econometrics"),
        ),
        DefaultTopic(
            "Finance",
            ("q-fin",),
            ("portfolio", "option pricing", "volatility"),
            ("quantitative finance", "trading"),
        ),
    ),
}
