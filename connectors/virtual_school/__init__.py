"""The Virtual School: answers for the education of children in Swindon's care, wherever they are taught."""
